"""The networks, faults and tables of bench/debug_zoo.py."""
