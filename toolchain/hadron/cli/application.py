"""Put the commands together; turn mistakes into one line and an exit status."""

import importlib.metadata
import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
import typer.core

from hadron.cli.bench import bench
from hadron.cli.build import build
from hadron.cli.compare import compare
from hadron.cli.compile import compile_program
from hadron.cli.demo import demo
from hadron.cli.doctor import doctor
from hadron.cli.isp import isp
from hadron.cli.isp_calibrate import isp_calibrate
from hadron.cli.profile import profile
from hadron.cli.quantize import quantize
from hadron.cli.run import run
from hadron.cli.supported_ops import supported_ops
from hadron.cli.verilog import verilog
from hadron.errors import HadronError
from hadron_compiler import CompileError
from hadron_spec.config import ConfigError

__all__ = ["HadronGroup", "app", "main"]

_INTERRUPTED = 130


class HadronGroup(typer.core.TyperGroup):
    """The top command: every mistake ends as ``hadron: error: ...`` on stderr.

    Exit status 2 for a user's mistake, 1 for a failed check or tool, 130 after Ctrl-C.
    """

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None,
             complete_var: str | None = None, standalone_mode: bool = True,
             windows_expand_args: bool = True, **extra: Any) -> Any:
        """Run a command line; exit unless `standalone_mode` is False."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        try:
            status = super().main(args, prog_name, complete_var, False, windows_expand_args,
                                  **extra)
            sys.stdout.flush()
        except (typer.Abort, KeyboardInterrupt):
            _fail("interrupted", _INTERRUPTED)
        except BrokenPipeError:
            # The reader of our output has gone; give what is still buffered nowhere to fail.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except HadronError as error:
            _fail(str(error), error.exit_status)
        except (CompileError, ConfigError) as error:
            _fail(str(error), 2)
        except Exception as error:
            # A mistake in the command line; its class depends on the version of typer.
            message = getattr(error, "format_message", None)
            if message is None:
                raise
            _fail(message(), 2)
        if status == _INTERRUPTED:  # how some versions of typer tell of Ctrl-C
            _fail("interrupted", _INTERRUPTED)
        sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str, status: int) -> None:
    """Print a message, several lines joined into one, and exit."""
    first, *rest = (line.strip() for line in message.strip().splitlines())
    text = f"{first} {'; '.join(rest)}" if rest else first
    print(f"hadron: error: {text}", file=sys.stderr)
    sys.exit(status)


app = typer.Typer(cls=HadronGroup, pretty_exceptions_enable=False, rich_markup_mode=None,
                  help="Run quantized networks on the Hadron NPU and RAW frames through its ISP.")
app.command("doctor")(doctor)
app.command("demo")(demo)
app.command("quantize")(quantize)
app.command("compile")(compile_program)
app.command("run")(run)
app.command("profile")(profile)
app.command("compare")(compare)
app.command("bench")(bench)
app.command("isp")(isp)
app.command("isp-calibrate")(isp_calibrate)
app.command("verilog")(verilog)
app.command("build")(build)
app.command("supported-ops")(supported_ops)


@app.callback(invoke_without_command=True)
def _top(context: typer.Context,
         version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
         ) -> None:
    if version:
        typer.echo(f"hadron {importlib.metadata.version('hadron-npu')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line of this process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A layer may have a name that the terminal's encoding lacks.
            stream.reconfigure(errors="replace")
    app(prog_name="hadron")


if __name__ == "__main__":
    main()
