"""
The HTTP contract over aiohttp: routes, payloads, authentication and problems.
"""
