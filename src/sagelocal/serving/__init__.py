"""What answers predictions: handlers, codecs, the model server, and the service's way to it.

`codecs`, `handlers`, `engine` with `compiled`, `probes` and `quickening`, `batching`, `http`, `server` run
inside an image's environment, so they import the standard library and numpy only (httptools and uvloop where
they are importable). `endpoints`, `batch`, `records` and `dataprocessing` run in the service and its
supervisors; they need no numpy.
"""
