"""A night with a broken library: the parity probe notices, and the other frameworks go on."""

BREAK = '''
"""What a broken upgrade of PyTorch might do: a derivative that is off by a millionth."""
import sys
from importlib.abc import MetaPathFinder


class AfterTorch(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "regressors.frameworks.torch" and "torch" not in sys.modules:
            import torch

            gelu = torch.nn.functional.gelu

            def wrong(inputs, approximate):
                value = gelu(inputs, approximate=approximate)
                return value + 1e-6 * inputs.detach() * (value - value.detach())

            torch.nn.functional.gelu = wrong
        return None


sys.meta_path.insert(0, AfterTorch())
'''
DECLARATION = """\
source: {path: line.csv}
key: row
target: y
ann: {hidden: [4]}
split: {folds: 2}
candidates: {frameworks: [torch, theano], kinds: [least_squares, ann]}
"""
ROWS = "row,x,y\n" + "\n".join(f"{i},{i % 17},{2 * (i % 17) + i % 3}" for i in range(100))


def test_framework_with_a_wrong_gradient_is_left_out_of_the_night(new_workspace):
    workspace = new_workspace()
    workspace.declare("line", DECLARATION, ROWS)
    broken = workspace.folder / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(BREAK)
    done = workspace.run("nightly", PYTHONPATH=str(broken))
    assert done.returncode == 0, done.stderr
    assert "torch is left out tonight: it failed the parity probe" in done.stderr
    assert "torch/ann failed: it failed the parity probe: the ANN is off by" in done.stdout
    (champion,) = workspace.query("champion")
    assert champion["framework"] == "theano"
    models = workspace.sql("SELECT framework, status FROM model ORDER BY framework, kind")
    assert models == [("theano", "fitted")] * 2 + [("torch", "failed")] * 2
    probes = workspace.sql(
        "SELECT framework, kind, agreed FROM agreement_check WHERE quantity = 'probe'"
        " ORDER BY framework, kind"
    )
    assert probes == [
        ("theano", "ann", 1),
        ("theano", "least_squares", 1),
        ("torch", "ann", 0),
        ("torch", "least_squares", 1),
    ]
