"""
Sealing and key hashing, and the only home of the cryptography package.
"""
