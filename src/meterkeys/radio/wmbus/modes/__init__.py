"""One lock for each way in which a wireless M-Bus frame is protected; `choose.choose_lock` finds the frame's."""
