"""What a user's own code raises, in one line: the error, the line of theirs that led to it, and what to do."""

from __future__ import annotations

import contextlib
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from bs_study.workloads.own_code import is_own

MOST_CHARACTERS = 500
"""Of an error's own text: some hold a whole batch."""

FLOAT64 = (
    "The data is float64 and the weights are float32: return x.float() in train_data and eval_data (numpy's numbers "
    "are float64)"
)
PAD = (
    "Give the workload `collate(self, examples)`, which pads them to one batch "
    "(torch.nn.utils.rnn.pad_sequence(..., batch_first=True)), or pad all to one length in train_data and eval_data"
)
_WHOLE = "(Byte|Char|Short|Int|Long|Bool|unsigned char|char|short|int|long|long long|bool)"

ADVICE: tuple[tuple[str, str], ...] = (
    (r"(?i)mat1 and mat2 .*\bfloat and double|\(float\) and bias type \(double|weight dtype \(torch.float64",
     "The weights are float64 and the data is float32: leave out .double(), or return x.double() in train_data and "
     "eval_data"),
    (r"(?i)\bdouble\b.*\bfloat\b|scalar type float but found double|input dtype \(torch.float64", FLOAT64),
    (rf"mat1 and mat2 must have the same dtype, but got {_WHOLE} and|Input type \({_WHOLE}\) and bias type",
     "The inputs are whole numbers and the weights are float32: return x.float() in prepare or train_data"),
    (r"dtype.* (Half|c10::Half|BFloat16|c10::BFloat16)\b|Input type .*\b(Half|BFloat16)|"
     r"expected (scalar type|.*dtype) .*\b(Half|BFloat16)|found (Half|BFloat16)|dtype \(torch\.b?float16\)",
     "Half precision meets float32: leave out .half() and .bfloat16() of model and data, or return x.float() in "
     "prepare"),
    (r"floating point type for target", "Labels as one-hot rows must be float: return y.float(), or the number of each "
     "class, y.argmax(1), in train_data and eval_data"),
    (r"0D or 1D target tensor expected|multi-target not supported", "Labels of shape (examples, 1) hold one dimension "
     "too many: return y.squeeze(1) in train_data and eval_data"),
    (r"Target size \(torch\.Size\(\[.*\]\)\) must be the same as input size|"
     r"target size .* (that is )?different to the input size",
     "Outputs and targets must have one shape: give the loss model(x).squeeze(1), or y.unsqueeze(1)"),
    (r"(scalar type|target dtype to be) Long|not implemented for '(Int|Short|Char)'",
     "Class labels must be int64: return y.long() in train_data and eval_data"),
    (r"Found dtype (Long|Int|Short|Byte|Bool)|result type Float can't be cast to .* (Long|Int|Short|Byte|Bool)",
     "This loss takes its target as float32: return y.float() in train_data and eval_data"),
    (r"Expected tensor for argument #1 'indices' to have .* types: Long, Int",
     "An embedding takes whole numbers: return x.long() in train_data and eval_data"),
    (r"Target (-\d+) is out of bounds", "Labels begin at 0 ({0} is too small): change them, or leave those examples "
     "out of the loss with ignore_index={0}"),
    (r"Target (\d+) is out of bounds", "Labels go from 0 to the number of the model's outputs, less one: change its "
     "last layer, or the labels ({0} is too large)"),
    (r"index out of range in self", "An embedding gets a number that is not below its num_embeddings, or is negative"),
    (r"Expected more than 1 value per channel", "BatchNorm needs two examples or more in a batch that it trains on"),
    (r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x\d+\)", "A linear layer that takes {2} "
     "numbers of each example gets {1}: change its in_features, or the shape of the data"),
    (r"to have (\d+) channels, but got (\d+) channels", "Images are (batch, channels, height, width): "
     "x.permute(0, 3, 1, 2) moves channels from last to second, x.unsqueeze(1) adds one"),
    (r"(stack|batch) .*(expects each|should be of) .*equal size|each element in list of batch", PAD),
    (r"default_collate: batch must contain", "Give examples of numbers and tensors (of an image: "
     "torchvision.transforms.ToTensor()), or give the workload `collate(self, examples)`"),
    (r"Expected all tensors to be on the same device|indices should be either on cpu or on the same device",
     "Make what you add on the batch's device: torch.zeros(..., device=x.device), or register_buffer in the model"),
    (r"modified by an inplace operation", "Something that the loss was computed from is changed before backward: "
     "change a copy (x = x + 1 for x += 1, buffer.clone()), or change it after the update"),
    (r"element 0 of tensors does not require grad", "The loss has no connection to the weights: leave out .detach(), "
     ".item() and no_grad on the way to it"),
    (r"object of type 'NoneType' has no len\(\)|must be Tensor, not NoneType", "Something is None where values belong: "
     "does a method or forward lack its return?"),
    (r"backward through the graph a second time", "A state that is kept from batch to batch must be cut off from what "
     "made it: self.state = state.detach()"),
    (r"input batch_size \(\d+\) to match target batch_size", "The model gives another number of outputs than there "
     "are labels: give flatten(0, 1) of both to a loss of each token"),
    (r"Expected hidden(\[\d\])? size", "Make the first state anew in forward, for the batch's own size: "
     "torch.zeros(..., len(x), ...), or leave it out: it is zeros then"),
    (r"shape '\[.*\]' is invalid for input of size", "Let view or reshape take the number of examples from the batch: "
     "x.view(len(x), -1)"),
    (r"'super\(\)\.__init__\(\)'|before Module\.__init__\(\) call", "Begin the model's __init__ with "
     "super().__init__()"),
)  # fmt: skip


class Named(Protocol):
    """A workload, as far as a message goes."""

    name: str


@contextlib.contextmanager
def calling(workload: Named, method: str) -> Iterator[None]:
    """Name the method where a workload's own code raises, the line of it, and what to do."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"{workload.name}.{method}: {told(error, own=module_file(workload))}") from error


def told(error: BaseException, *, own: str | None = None) -> str:
    """Return an error as `ValueError: what was wrong (task.py, line 7). What to do`, in one line.

    Args:
        error: what was raised; its line is the innermost in a user's file.
        own: a file that counts as the user's, whatever it is: that of the workload.
    """
    advice = advice_on(str(error))
    text = _words(error).partition(". ")[0] if advice else _words(error)
    place = _place(error, own=own) or (Path(own).name if own and is_own(own) else "")
    return f"{text}{f' ({place})' if place else ''}{f'. {advice}' if advice else ''}"


def told_of_making(error: Exception, found: Callable[..., object]) -> str:
    """Return an error of making a workload; of arguments that its `__init__`, or a function, asks for, that it does."""
    maker: Any = found.__init__ if isinstance(found, type) else found  # type: ignore[misc]
    code = getattr(maker, "__code__", None)
    if not (code and isinstance(error, TypeError) and str(error).startswith(f"{maker.__qualname__}()")):
        return told(error)
    return (
        f"{_words(error)} ({Path(code.co_filename).name}, line {code.co_firstlineno}). A workload is made without "
        "arguments: give each a default, as width=128"
    )


def advice_on(text: str) -> str:
    """Return what to do about an error of torch, or nothing where it is not a known one."""
    for pattern, advice in ADVICE:
        found = re.search(pattern, text, flags=re.DOTALL)
        if found:
            return advice.format(*(group or "" for group in found.groups()))
    return ""


def module_file(value: object) -> str | None:
    """Return the file of the module that an object's class is from."""
    return getattr(sys.modules.get(type(value).__module__), "__file__", None)


def _words(error: BaseException) -> str:
    """Return an error's kind and text; of one that a process of a DataLoader hands on, what was raised there."""
    kind, text = type(error).__name__, str(error)
    if "Original Traceback (most recent call last)" in text:
        last = [line for line in text.strip().splitlines() if line and not line.startswith(" ")][-1]
        kind, _, text = last.partition(": ")
    text = " ".join(text.split()).rstrip(".")
    short = text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} ..."
    return f"{kind}: {short}" if short else kind


def _place(error: BaseException, *, own: str | None) -> str:
    """Return the innermost line of a user's file, or nothing if there is none."""
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    text = "\n".join([str(error), *getattr(error, "__notes__", ())])  # which hold the traceback of another process
    frames += re.findall(r'File "([^"]+)", line (\d+)', text)
    mine = [(file, line) for file, line in frames if file == own or is_own(file)]
    return f"{Path(mine[-1][0]).name}, line {mine[-1][1]}" if mine else ""
