"""Programs of images: each file's text becomes a program in the `bin` of the image's environment.

They run there, with the standard library and the environment's packages, and import nothing of sagelocal.
"""
