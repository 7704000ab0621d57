"""Stand-ins for the toolkits that AWS's images contain and scripts import: what handlers and scripts call.

They are copied into an image's environment, behind its packages on the path, so that the real package takes
their place where a `requirements.txt` asks for it. They import nothing of ours.
"""
