"""How numbers are written in languages where Django leaves the grouping out."""
