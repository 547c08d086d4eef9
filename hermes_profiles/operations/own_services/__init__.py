"""The services of this program itself, beside those of gateways: one that keeps the host awake, one that watches."""
