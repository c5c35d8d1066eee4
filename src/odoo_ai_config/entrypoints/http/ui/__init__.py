"""
Pages for people.
"""
