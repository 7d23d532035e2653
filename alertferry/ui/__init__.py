"""The dashboard: a Panel wizard over `alertferry.service`. No Spark runs in its process."""
