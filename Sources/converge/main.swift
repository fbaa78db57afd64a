import ArgumentParser
import ConvergeServer

print("converge")
