"""Use cases that find faults and fix them: doctor, repair, and the check before an update of Hermes."""
