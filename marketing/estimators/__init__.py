"""What learns: arrays in, arrays out, no Django; the only room that knows scikit-learn.

Import `registry` for the names; the estimators behind them load when first asked for.
"""
