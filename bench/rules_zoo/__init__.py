"""The networks, data, faults and tables of bench/rules_zoo.py."""
