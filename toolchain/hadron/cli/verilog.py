"""``hadron verilog``: the NPU, the ISP or both for another SoC."""

from pathlib import Path
from typing import Annotated

import typer

from hadron.atomic import check_file, make_folder, write_json, write_text
from hadron.cli.options import Config, JsonFile, console
from hadron.errors import HadronError, UsageError
from hadron.models import DEFAULT_CONFIG, find_config
from hadron.progress import Progress
from hadron.progress_bar import ProgressBar
from hadron_rtl.export import ISP_NAME, NAME, VISION_NAME, ExportError, to_verilog
from hadron_spec.config import NpuConfig, to_toml
from hadron_spec.emit import (
    c_header,
    commands_page,
    isp_c_header,
    isp_registers_page,
    registers_page,
    svd,
)
from hadron_spec.isp.config import ISP_CONFIGS, IspConfig
from hadron_spec.vision import VisionConfig

__all__ = ["verilog"]


def verilog(output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR",
                                                 show_default=False, help="Where to write it.")],
            config: Config = None,
            isp: Annotated[str | None, typer.Option(
                "--isp", metavar="CONFIG", show_default=False,
                help=f"The ISP, {', '.join(ISP_CONFIGS)}: instead or, with --config, before the "
                     "NPU.")] = None,
            json_file: JsonFile = None) -> None:
    """Write the NPU, the ISP or both as Verilog with flat ports, register header, SVD, reference.

    With --config and --isp: one block, in which the ISP's tensor streams into the NPU.
    """
    if isp is not None and isp not in ISP_CONFIGS:
        raise UsageError(f"{isp}: not a configuration of the ISP ({', '.join(ISP_CONFIGS)})")
    npu = find_config(config or DEFAULT_CONFIG) if isp is None or config is not None else None
    camera = ISP_CONFIGS[isp] if isp is not None else None
    sizes: NpuConfig | IspConfig | VisionConfig
    if npu is not None and camera is not None:
        sizes, top = VisionConfig.join(npu, camera), VISION_NAME
    elif npu is not None:
        sizes, top = npu, NAME
    elif camera is not None:
        sizes, top = camera, ISP_NAME
    if json_file is not None:
        check_file(json_file)
    folder = make_folder(output)
    with ProgressBar() as progress:
        progress(Progress("Verilog"))
        try:
            design = to_verilog(sizes)
        except ExportError as error:
            raise HadronError(f"the Verilog could not be written: {error}") from None
    files = {f"{top}.v": design, "hadron.svd": svd()}
    if npu is not None:
        files |= {
            "config.toml": to_toml(npu),
            "hadron_registers.h": c_header(),
            "registers.md": registers_page(),
            "commands.md": commands_page(),
        }
    if isp is not None:
        files |= {
            "hadron_isp_registers.h": isp_c_header(),
            "isp_registers.md": isp_registers_page(),
        }
    for name, text in files.items():
        write_text(folder / name, text)
    if json_file is not None:
        write_json(json_file, {"config": sizes.name, "top": top,
                               "files": [str(folder / name) for name in files]})
    console().print(f"{folder}: {', '.join(files)}; top module {top}, {sizes.name}")
