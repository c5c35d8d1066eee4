"""
The driven side: one technology per package, each behind the ports it implements.
"""
