"""Demand forecasts: mean and quantiles per series and period, chosen and calibrated by backtest."""
