"""The fast lane: the RTL as C++ (Yosys' CXXRTL), run through ctypes."""

from hadron_cosim.cxxrtl.build import STAGES, build_library, library_is_cached
from hadron_cosim.cxxrtl.isp_library import SimulatedIsp
from hadron_cosim.cxxrtl.library import SimulatedNpu

__all__ = ["STAGES", "SimulatedIsp", "SimulatedNpu", "build_library",
           "library_is_cached"]
