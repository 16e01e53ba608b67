"""The golden model of the ISP: integer NumPy, one module a stage, ``run(image, settings)``."""
