"""A small table of work orders, with cells that other readers would change."""

ORDERS = """\
id,date,text,hours
007,2024-03-01,pump leaks,1.50
008,,"seal, worn",
009,NA,,null
"""


def cells(frame):
    return frame.to_numpy().tolist()
