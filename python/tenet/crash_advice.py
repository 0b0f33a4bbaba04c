"""What to do about an exception whose own words do not say it, or say what makes it worse: of torch's, those that beginners meet, as 1.13 and 2.x word them."""
import re

# (a pattern of the message, what to do)
ADVICE = (
    ("backward through the graph a second time", "something made in an earlier step is still part of this one's loss, often a recurrent state or a running sum: detach it between steps (state = state.detach()). "
                                                 "retain_graph=True would make each step slower than the one before"),
    ("modified by an inplace operation", "a value that backward needs was overwritten: x = x + y in place of x += y (slices and inplace=True count too), and no optimizer's step before all backward passes through "
                                         "its network; what is carried from step to step needs detach()"),
    ("does not require grad and does not have a grad_fn", "the loss hangs on no weight: look for detach(), item(), data, numpy(), argmax or torch.no_grad() between the network and the loss"),
    ("grad can be implicitly created only for scalar outputs", "backward needs one number: loss.mean(), or leave reduction='none' out"),
    ("optimizer got an empty parameter list", "torch does not see layers that stand in a list or a dict: put them in nn.ModuleList or nn.ModuleDict, as attributes of the network"),
    ("^Target .*out of bounds", "labels of C classes are 0 to C - 1: the last layer has fewer outputs than there are classes, or the labels count from 1"),
    ("shapes cannot be multiplied", "a linear layer gets other features than it was made for: the last number of the first shape comes, the first of the second is what it takes; images need flatten(1) before it"),
    ("expected scalar type|Found dtype", "numbers of two types meet: inputs and the targets of a regression are float32 (x.float()), labels of classes are int64 (y.long())"),
    ("must have the same dtype", "numbers of two types meet: inputs are float32 as the weights are (x.float())"),
    ("more than 1 value per channel when training", "batch norm cannot work on a batch of one sample, as the last of an epoch may be: drop_last=True in the DataLoader, or another batch size"),
    ("on the same device", "network, inputs and labels have to lie on one device: net.to(device), x.to(device), y.to(device)"),
)


def advice_of(message):
    """None where there is none."""
    return next((advice for pattern, advice in ADVICE if re.search(pattern, message)), None)


def told(error):
    """An exception in words: as Python tells it, or its first sentence and what to do."""
    name, message = type(error).__name__, str(error)
    advice = advice_of(message)
    if advice is None:
        return "%s: %s" % (name, message)
    return "%s: %s. What to do: %s" % (name, message.split("\n")[0].split(". ")[0].rstrip("."), advice)
