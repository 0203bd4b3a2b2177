"""Italian in digits: Django's translation gives months a capital, which Italian does not, and the day its name."""

DATE_FORMAT = "d/m/Y"
DATETIME_FORMAT = "d/m/Y H:i"
