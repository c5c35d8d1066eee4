"""
Ports over a MongoDB replica set, and the only home of motor.
"""
