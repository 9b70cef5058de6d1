print("ssat-live")
