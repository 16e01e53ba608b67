import pytest

from hadron_fpga import engine


@pytest.mark.parametrize(("option", "name", "has_all"), [
    ([], "h64", False), (["--every-precision"], "h64-every-precision", True)])
def test_enters_what_was_measured_under_its_configuration(monkeypatch, tmp_path, option, name,
                                                          has_all) -> None:
    measured, entered = [], []
    monkeypatch.setattr(engine, "measure", lambda config, device, seeds, folder, whole: (
        measured.append((config, device, seeds, whole, folder)) or [{"worst_fmax_mhz": 1}]))
    monkeypatch.setattr(engine, "record", lambda *entry: entered.append(entry))
    engine.main(["--config", "h64", "--whole", "--seeds", "2", "--build", str(tmp_path), *option])
    (config, *others), = measured
    assert (config.deep, config.shallow) == (has_all, has_all)
    assert others == ["25k", 2, True, tmp_path / "npu" / name]
    assert entered == [("npu", (name,), {"worst_fmax_mhz": 1})]
