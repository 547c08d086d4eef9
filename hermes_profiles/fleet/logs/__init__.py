"""What gateways wrote: found, read from its end or while it grows, put in order by time."""
