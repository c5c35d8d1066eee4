"""
Use cases for messages: intake, delivery, replay.
"""
