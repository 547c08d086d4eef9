"""Value types of everything a doctor run observes; probes fill them, checks read them."""
