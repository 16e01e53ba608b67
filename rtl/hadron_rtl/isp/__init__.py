"""The ISP: from RAW pixels to picture and tensor, one pixel a clock.

What every stage keeps to:

- One component a stage, `Stage(config)`: `i` and `o` are `pixel_stream(shape)`s with full
  back-pressure; `settings: In(settings_layout("stage"))`; `geometry: In(Geometry)` where it must
  know size or phase; a table is written through `NAME: In(TablePort())`, NAME as in the spec.
- The top holds one frame at a time in the pipeline: `settings` and `geometry` are stable from the
  first pixel in to the last pixel out, and change while every stage is empty. A stage returns to
  its state of before the frame by itself.
- Frames always come whole: `geometry.width * geometry.height` pixels, `first` on the first, `last`
  on the last of each line, whatever the sensor does (see docs/adr/0004-isp-frames.md).
- The statistics tap is told what became of a frame: `export` for one cycle when it has left the ISP
  whole (swap banks, show it), `discard` when it was broken (forget it). Both come after the last
  pixel has passed all stages and before the next frame's first; `ready: Out(1)` is low while the
  tap still works on either, and holds the next frame up. The window reads through
  `read_address: In(16)`, `read_data: Out(32)`, ``READ_LATENCY`` cycles.
- Disabled, a stage passes pixels unchanged.
"""
