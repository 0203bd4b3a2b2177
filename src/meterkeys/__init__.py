"""meterkeys keeps the radio keys of meters and gives them to the organisation that owns the meter."""

__version__ = "0.1.0"
