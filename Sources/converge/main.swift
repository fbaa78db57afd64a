import ArgumentParser
import ConvergeServer
print("x")
