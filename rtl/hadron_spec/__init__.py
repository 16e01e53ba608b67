"""What hardware and software agree on: configurations, registers, commands, numerics, errors.

No Amaranth, no NumPy. Everything else in Hadron imports or generates from here.
"""
