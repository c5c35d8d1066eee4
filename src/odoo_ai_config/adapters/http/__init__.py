"""
Adapters to what is reached over HTTP: crews and Chatwoot. The driven home of aiohttp.
"""
