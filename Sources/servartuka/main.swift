print("servartuka")
