"""The live view of a study in a browser: `python -m rnnsweep.status multirun/NAME --web`.

server.py       serves one page, and what it shows, on this machine alone
watched.py      what the page shows: runs by state, workers, curves, failures, the best settings so far
live_curves.py  validation losses of runs that still train, read as they grow
standing.py     the best settings so far: means over seeds
page.html, page.css, page.js   the page; it asks for news every two seconds
"""
