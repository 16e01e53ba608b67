"""``hadron verilog``: the NPU for another SoC."""

from pathlib import Path
from typing import Annotated

import typer

from hadron.atomic import check_file, make_folder, write_json, write_text
from hadron.cli.options import Config, JsonFile, console
from hadron.errors import HadronError
from hadron.models import DEFAULT_CONFIG, find_config
from hadron.progress import Progress
from hadron.progress_bar import ProgressBar
from hadron_rtl.export import NAME, ExportError, to_verilog
from hadron_spec.config import to_toml
from hadron_spec.emit import c_header, commands_page, registers_page, svd

__all__ = ["verilog"]


def verilog(output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR",
                                                 show_default=False, help="Where to write it.")],
            config: Config = None, json_file: JsonFile = None) -> None:
    """Write the NPU as Verilog with flat ports, its register header, SVD and reference."""
    sizes = find_config(config or DEFAULT_CONFIG)
    if json_file is not None:
        check_file(json_file)
    folder = make_folder(output)
    with ProgressBar() as progress:
        progress(Progress("Verilog"))
        try:
            design = to_verilog(sizes)
        except ExportError as error:
            raise HadronError(f"the Verilog could not be written: {error}") from None
    files = {
        f"{NAME}.v": design,
        "config.toml": to_toml(sizes),
        "hadron_registers.h": c_header(),
        "hadron.svd": svd(),
        "registers.md": registers_page(),
        "commands.md": commands_page(),
    }
    for name, text in files.items():
        write_text(folder / name, text)
    if json_file is not None:
        write_json(json_file, {"config": sizes.name, "top": NAME,
                               "files": [str(folder / name) for name in files]})
    console().print(f"{folder}: {', '.join(files)}; top module {NAME}, {sizes.name}")
