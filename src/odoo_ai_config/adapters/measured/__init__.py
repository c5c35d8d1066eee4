"""
Adapters that time the adapters behind them.
"""
