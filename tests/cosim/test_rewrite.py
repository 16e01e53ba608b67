"""Rewriting and cutting the C++ that Yosys writes."""

import pytest

from hadron_cosim.cxxrtl.rewrite import rewrite
from hadron_cosim.cxxrtl.split import split_design

PIECES = ", ".join(f"hadron::cut<{i},{i}>(p_b)" for i in range(16))


@pytest.mark.parametrize(("before", "after"), [
    ("\tp_a = p_b;", "\tp_a = p_b;"),
    ("\tp_a = p_b.slice<3>().val();", "\tp_a = hadron::cut<3,3>(p_b);"),
    ("\t\tp_a.next = p_b.curr.slice<9,2>().val();", "\t\tp_a.next = hadron::cut<9,2>(p_b.curr);"),
    ("\tp_a.slice<9,2>() = p_b;", "\thadron::put<9,2>(p_a, p_b);"),
    ("\tp_a = p_b.concat(p_c).val();", "\tp_a = hadron::join(p_b, p_c);"),
    ("\tp_a = value<2>{0x1u}.concat(p_c.curr).concat(p_d.slice<1>()).val();",
     "\tp_a = hadron::join(value<2>{0x1u}, p_c.curr, hadron::cut<1,1>(p_d));"),
    ("\tp_a = not_u<8>(p_b.concat(p_c).val());", "\tp_a = not_u<8>(hadron::join(p_b, p_c));"),
    ("\tp_a = (p_x ? p_b.concat(p_c).val() : p_d);",
     "\tp_a = (p_x ? hadron::join(p_b, p_c) : p_d);"),
    ("\tp_a = add_uu<4>(p_b, p_c).concat(p_d.repeat<3>().concat(p_e)).val();",
     "\tp_a = hadron::join(add_uu<4>(p_b, p_c), hadron::join(p_d.repeat<3>(), p_e));"),
    ("\tvalue<1>().concat(p_a) = add_uu<9>(p_b, p_c);",
     "\tvalue<1>().concat(p_a) = add_uu<9>(p_b, p_c);"),
    ("\tif (p_a.slice<2>().val() == value<1> {0u}) {",
     "\tif (hadron::cut<2,2>(p_a) == value<1> {0u}) {"),
    ("\t\tmemory_p_a.update(tmp_0.index, p_b, p_c, 0);",
     "\t\thadron::write_masked(memory_p_a, tmp_0.index, p_b, p_c, 0);"),
])
def test_rewrites(before, after):
    assert rewrite(before) == after


def test_joins_long_lists_in_groups():
    chain = "p_b.slice<0>()" + "".join(f".concat(p_b.slice<{i}>())" for i in range(1, 16))
    assert rewrite(f"\tp_a = {chain}.concat(p_c).val();") == (
        f"\tp_a = hadron::join(hadron::join({PIECES}), p_c);")


DESIGN = """\
#include <cxxrtl/cxxrtl.h>

using namespace cxxrtl_yosys;

namespace cxxrtl_design {

struct p_dut : public module {
\twire<8> p_a {0u};
\tmemory<8> memory_p_m;
\t/*input*/ value<1> p_clk;

\tvoid reset() override;

\tbool eval(performer *performer = nullptr) override;

\ttemplate<class ObserverT>
\tbool commit(ObserverT &observer) {
\t\tbool changed = false;
\t\tif (p_a.commit(observer)) changed = true;
\t\tif (memory_p_m.commit(observer)) changed = true;
\t\tprev_p_clk = p_clk;
\t\treturn changed;
\t}

\tbool commit() override {
\t\tobserver observer;
\t\treturn commit<>(observer);
\t}
}; // struct p_dut

void p_dut::reset() {
\tp_a = wire<8>{0u};
}

bool p_dut::eval(performer *performer) {
\tbool converged = true;
\tbool posedge_p_clk = this->posedge_p_clk();
\t// a comment
\tvalue<8> i_x;
\tvalue<8> i_y = p_a.curr;
\ti_x = i_y;
\tif (posedge_p_clk) {
\t\tp_a.next = i_x;
\t}
\treturn converged;
}

} // namespace cxxrtl_design
"""


def test_cuts_a_design(tmp_path):
    source = tmp_path / "design.cc"
    source.write_text(DESIGN)
    files = split_design(source, tmp_path, parts=2, feedback=False)
    assert [path.name for path in files] == ["part0.cc", "part1.cc"]
    header = (tmp_path / "design.h").read_text()
    text = "".join(path.read_text() for path in files)
    assert "bool commit(ObserverT" not in header
    assert "\tvoid evaluate0();" in header
    assert "\tvalue<8> i_x;\n\tvalue<8> i_y;" in text
    assert "\ti_y = p_a.curr;\n\ti_x = i_y;\n\tif (posedge_p_clk) {\n\t\tp_a.next = i_x;" in text
    assert "\tp_a.curr = p_a.next;\n\tchanged |= memory_p_m.commit(observer);" in text
    assert "#define posedge_p_clk (true)" in text
    assert "converged" not in text


def test_keeps_comparisons_where_logic_feeds_back(tmp_path):
    source = tmp_path / "design.cc"
    source.write_text(DESIGN)
    [path] = split_design(source, tmp_path, parts=1, feedback=True)
    text = path.read_text()
    assert "\tchanged |= p_a.commit(observer);" in text
    assert "#define posedge_p_clk (edge)" in text


def test_refuses_what_it_does_not_know(tmp_path):
    source = tmp_path / "design.cc"
    source.write_text("int main() {}\n")
    with pytest.raises(ValueError, match="substring not found"):
        split_design(source, tmp_path, parts=1, feedback=False)
