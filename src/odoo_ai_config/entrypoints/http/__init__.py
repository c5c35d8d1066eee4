"""
The HTTP interface over aiohttp: routes, payloads, authentication and problems.
"""
