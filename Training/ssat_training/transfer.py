"""One step of SSAT live in both directions, as training, validation and calibration use it."""
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from .networks.ssat_live import (
    LIP_GRAIN, LUMA_CHROMA, Regions, around_eyes, change_basis, least_opacity, light_of, softened, untold_share, with_found,
)
from .networks.two_input import TwoInput

# Of a batch, what PaintEstimator found on the faces of its pairs (`seen_pairs`).
FOUND = ("own_a", "own_b", "worn_a", "worn_b", "lips_a", "lips_b")
FEWEST_LIP_PIXELS = 60
SEEN_LIP_COLOUR = 0.2  # share of the lips' mean colour, as seen, in the colour of their paint: what is seen is surer than what is believed
BRIGHT_OF = 10  # one of so many pixels is among the brightest, which say how bright the light is
SAME_LIGHT = 1.3  # faces differ by as much in the same light
# So far apart, two skins begin to be told apart on lips, and so far apart, bare lips are told against the skin alone; about dE.
LIP_TONE_TOLD, LIP_TONE_APART = 24, 56
LEAST_LIP_LIGHT = 0.88  # teeth that show beside lips are bright, and do not make them darker than that on the mean
# Classes that take makeup: skin, nose, brows, lips. Correspondence runs between these positions only.
MAKEUP_CLASSES = torch.tensor([0, 1, 1, 0, 1, 0, 0, 1, 1, 0.0]).view(1, 10, 1, 1)


@dataclass
class Warped:
    """Maps of the other face, warped by the correspondence; 64x64."""

    makeup: torch.Tensor
    uv: torch.Tensor
    parsing: torch.Tensor


@dataclass
class Transfer:
    output_a: torch.Tensor  # a wearing b's makeup, [0, 1]
    output_b: torch.Tensor
    face_a: "Face" = None  # this and the rest only where there is a correspondence
    face_b: "Face" = None
    makeup_a: torch.Tensor = None  # their own makeup maps
    makeup_b: torch.Tensor = None
    lips_a: torch.Tensor = None  # opacity and paint of their own lips, by cell
    lips_b: torch.Tensor = None
    warped_a: "Warped" = None  # b's maps at a's positions
    warped_b: "Warped" = None


def skin_colour(picture, parsing64):
    """Mean colour of skin and nose, n x 3 x 1 x 1. `picture` at 256, in any range."""
    skin = parsing64[:, 1:3].sum(1, keepdim=True)
    return (F.avg_pool2d(picture, 4) * skin).sum((2, 3), keepdim=True) / skin.sum((1, 2, 3), keepdim=True).clamp_min(1e-3)


def lip_colour(picture, parsing):
    """Mean colour of the lips, n x 3 x 1 x 1, in the picture's range. Both at 256."""
    lips = parsing[:, 7:9].sum(1, keepdim=True)
    return (picture * lips).sum((2, 3), keepdim=True) / lips.sum((2, 3), keepdim=True).clamp_min(1)


def lips_shown(parsing):
    """n x 1 x 1 x 1: 1 where enough of the lips shows. `parsing` at 256."""
    return (parsing[:, 7:9].sum((1, 2, 3), keepdim=True) >= FEWEST_LIP_PIXELS).to(parsing)


def lips_share(parsing):
    """n x 1 x 64 x 64 of a parsing at 256."""
    return F.avg_pool2d(parsing[:, 7:9].sum(1, keepdim=True), 4)


def lip_paint(lips, parsing64):
    """Mean of opacity and paint over the lips, every cell by its share of lips: n x 4 x 1 x 1. Lips are narrow at 64x64, and paint
    carried there cell by cell mixed with the skin beside them."""
    share = parsing64[:, 7:9].sum(1, keepdim=True)
    return (lips * share).sum((2, 3), keepdim=True) / share.sum((2, 3), keepdim=True).clamp_min(1e-3)


def worn_on_lips(paint, seen, own, other_skin, skin, grain, level=1):
    """Opacity and paint of the other's lips for those of a face, n x 4 x 1 x 1, and the shift of what is bare of them, n x 3 x 1 x 1; `seen` and `own`: mean colours of both, and
    `other_skin` and `skin`, those of the faces, in [-1, 1]; `grain`: mean of the face's lips (`grain_of_lips`); `level`: `light_on_lips`. Where little of the other's lips is known to be paint, all of their colour comes along
    as a shift, whatever the light on these lips takes of it: a photographed look is the whole lip. Where paint is known, what it does not hide is the
    other's own lips, and less of them comes along (docs/decisions/0047). They are told against the skin, and are no brighter than this face
    (docs/decisions/0061 and 0064)."""
    opacity, believed, seen, own, light = paint[:, :1], paint[:, 1:] * level, (seen + 1) / 2 * level, (own + 1) / 2, 1 + LIP_GRAIN * (grain - 1)
    colour = believed + SEEN_LIP_COLOUR * (opacity * seen - believed)
    luma = lambda c: change_basis(c, LUMA_CHROMA[:1])
    other_skin = (other_skin + 1) * level - 1
    tone = other_skin - skin
    translucent = 1 - least_opacity(seen * 2 - 1, other_skin)
    told = seen - tone / 2 * translucent * untold_share(tone, LIP_TONE_TOLD, LIP_TONE_APART)
    bare = told * (torch.maximum(luma((skin + 1) / 2), luma(own)) / luma(told).clamp_min(0.01)).clamp(max=1)
    return torch.cat([opacity, colour * (LEAST_LIP_LIGHT / light).clamp_min(1)], 1), (1 - opacity) ** 2 * (bare - own) / light


def brightness(picture, parsing):
    """How bright the light may be, n x 3, 0 to 1: mean luma of the brightest tenth of skin, nose and eyes; of eyes and mouth (their white, and teeth); of
    the whole crop. 0 where there is none. Both at 256, of which every second pixel of every second row is looked at; the picture in [-1, 1]."""
    bytes_, parsing = ((picture[..., ::2, ::2].float() + 1) * 127.5).round(), parsing[..., ::2, ::2]
    luma = ((77 * bytes_[:, 0] + 150 * bytes_[:, 1] + 29 * bytes_[:, 2] + 128) / 256).floor() / 255  # as the program has it
    parts = parsing[:, 1:4].sum(1) > 0, parsing[:, 3] + parsing[:, 9] > 0, torch.ones_like(luma) > 0
    return torch.stack([torch.stack([brightest(l[inside]) for l, inside in zip(luma, part)]) for part in parts], 1)


def brightest(values):
    return values.topk(max(len(values) // BRIGHT_OF, 1))[0].mean() if len(values) else values.new_zeros(())


def light_on_lips(own, own_parsing, other, other_parsing):
    """How much of their brightness the other's lips have in the light of this face, n x 1 x 1 x 1, at most 1. They are darker where nothing here says
    that this face is not lit clearly more dimly than the other, and then only until they outshine its skin no longer (or that of the other's face): whether
    it is the light or the person that is darker, a picture does not quite tell (docs/decisions/0051). Pictures in [-1, 1] and parsing at 256."""
    luma = lambda colour: change_basis((colour + 1) / 2, LUMA_CHROMA[:1]).clamp_min(1e-3)
    own_skin, other_skin = (luma(skin_colour(x, F.avg_pool2d(p, 4))) for x, p in ((own, own_parsing), (other, other_parsing)))
    here, there = brightness(own, own_parsing), brightness(other, other_parsing)
    brighter = torch.where(there > 0, here / there.clamp_min(1e-3), 0).amax(1).view(-1, 1, 1, 1)
    return torch.maximum((SAME_LIGHT * brighter) ** 3, own_skin / torch.minimum(luma(lip_colour(other, other_parsing)), other_skin)).clamp(max=1)


def grain_of_lips(own, light, mask):
    """By how much the lips are darker or lighter than what is around them, n x 1 x 1 x 1. `own`: their mean colour in [-1, 1]; `mask`: `lips_mask`."""
    lips = F.avg_pool2d(mask, 4)
    around = (light.around * lips).sum((2, 3), keepdim=True) / lips.sum((2, 3), keepdim=True).clamp_min(1e-3)
    return (change_basis((own + 1) / 2, LUMA_CHROMA[:1]) / around.clamp_min(0.02)).clamp(0.5, 1.8)


def regions(own, own_parsing, own_uv, other, other_parsing, other_lips, positions, worn=None):
    """Pictures in [-1, 1] and parsing at 256 of the source and of the face whose makeup it is to wear; the source's UV at 64; `other_lips` by cell;
    `worn`: as `Regions`."""
    own64, other64 = F.avg_pool2d(own_parsing, 4), F.avg_pool2d(other_parsing, 4)
    skin = skin_colour(own, own64)
    light, mask = light_of((own + 1) / 2, (skin + 1) / 2), lips_mask(own_parsing)
    own_lips = lip_colour(own, own_parsing)
    grain, level = grain_of_lips(own_lips, light, mask), light_on_lips(own, own_parsing, other, other_parsing)
    other_skin = skin_colour(other, other64)
    lips, shift = worn_on_lips(lip_paint(other_lips, other64), lip_colour(other, other_parsing), own_lips, other_skin, skin, grain, level)
    shown = lips_shown(own_parsing) * lips_shown(other_parsing)
    return Regions(other_skin, other_skin - skin, lips * shown, shift * shown, (own_lips + 1) / 2, grain, skin_cells(own64, positions), mask, light, around_eyes(own_uv), worn)


def lips_mask(parsing):
    """The lips, a pixel wider than the parsing has them, softened: n x 1 x 256 x 256. The parsing finds them a little too narrow, and a bare
    rim shows more than a rim painted over."""
    return softened(F.max_pool2d(parsing[:, 7:9].sum(1, keepdim=True), 3, 1, 1))


def makeup_positions(parsing64):
    return (parsing64 * MAKEUP_CLASSES.to(parsing64)).sum(1, keepdim=True) > 0.5


def skin_cells(parsing64, positions):
    """Cells of the correspondence that are mostly skin or nose, n x 1 x 64 x 64, 0 or 1."""
    return ((parsing64[:, 1:3].sum(1, keepdim=True) > 0.5) & positions).float()


def warp(correspondence, makeup, uv, parsing):
    """All maps in one pass of the attention."""
    present = (uv[:, :1] >= 0).to(uv)
    maps = correspondence.warp(torch.cat([makeup, uv.clamp_min(0), present, parsing], 1))
    makeup, uv, present, parsing = maps.split([makeup.shape[1], 2, 1, parsing.shape[1]], 1)
    return Warped(makeup, uv / present.clamp_min(0.05), parsing)


def change_weight(parsing, uv):
    """How much of the change a pixel takes, n x 1 x 256 x 256, as `Recipe.weigh` of the program has it at full strength: softened inside the
    classes that take makeup, half on an eye's rows beside its lids, fading beside the mesh. Not the fade at the crop's border, nor that lips end with
    the mesh's. `parsing` at 256, `uv` at 64."""
    takes = (parsing * MAKEUP_CLASSES.to(parsing)).sum(1, keepdim=True)
    eye, skin = parsing[:, 3:4], parsing[:, 1:2]
    beside_lid = F.pad(skin, (0, 0, 1, 0))[..., :-1, :] + F.pad(skin, (0, 0, 0, 1))[..., 1:, :]
    kept = takes + 0.5 * eye * beside_lid.clamp(max=1)
    mesh = (uv[:, :1] >= 0).to(parsing)
    mesh = -F.max_pool2d(-F.max_pool2d(mesh, 5, 1, 2), 5, 1, 2)  # its holes for eyes and mouth closed, as the program has it
    near = (softened(mesh) * 4 / 3).clamp(max=1)
    return softened(takes + eye) * kept * F.interpolate(near, scale_factor=4, mode="nearest")


@dataclass
class Face:
    """One face of a pair, as the network knows it; picture in [-1, 1] and parsing at 256."""

    picture: torch.Tensor
    parsing: torch.Tensor
    uv: torch.Tensor
    features: tuple
    key: torch.Tensor
    parsing64: torch.Tensor
    valid: torch.Tensor  # cells that take part in the correspondence


def known(network, picture, parsing, uv):
    features, key = network.encode(picture, parsing, uv)
    parsing64 = F.avg_pool2d(parsing, 4)
    return Face(picture, parsing, uv, features, key, parsing64, makeup_positions(parsing64))


def change(network, own, other, other_lips, warped_makeup, worn=None):
    """What gives `own` the makeup of `other`, in units of [0, 1]; `warped_makeup`: the other's makeup map at this face's positions."""
    where = regions(own.picture, own.parsing, own.uv, other.picture, other.parsing, other_lips, own.valid, worn)
    return network.decode(own.features, warped_makeup, own.picture, where) * change_weight(own.parsing, own.uv)


def transfer(network, batch):
    """batch: a, b n x 3 x 256 x 256 in [0, 1]; ua, ub exact UV maps at 64x64, which are only warped along for the loss; the
    network itself is given seen_pa, seen_pb (one-hot parsing) and seen_ua, seen_ub; and where there are such what PaintEstimator found, own_a,
    own_b, worn_a, worn_b, lips_a, lips_b (`seen_pairs`), in place of what its makeup encoder believes."""
    a, b = batch["a"] * 2 - 1, batch["b"] * 2 - 1
    pa, pb, ua, ub = (batch["seen_" + x] for x in ("pa", "pb", "ua", "ub"))
    if isinstance(network, TwoInput):
        change_a, change_b = network(a, b)
        return Transfer((batch["a"] + change_a * change_weight(pa, ua)).float(), (batch["b"] + change_b * change_weight(pb, ub)).float())
    a, b = known(network, a, pa, ua), known(network, b, pb, ub)
    (makeup_a, lips_a), (makeup_b, lips_b) = (network.makeup(x.picture, x.features, skin_colour(x.picture, x.parsing64)) for x in (a, b))
    to_a, to_b = network.correspondence(a.key, b.key, a.valid, b.valid)
    carried_a, carried_b, on_lips_a, on_lips_b = makeup_a, makeup_b, lips_a, lips_b
    if "own_a" in batch:
        carried_a, carried_b = with_found(makeup_a, batch["own_a"]), with_found(makeup_b, batch["own_b"])
        on_lips_a, on_lips_b = (batch[x].expand_as(lips_a) for x in ("lips_a", "lips_b"))
    warped_a, warped_b = warp(to_a, carried_b, batch["ub"], b.parsing64), warp(to_b, carried_a, batch["ua"], a.parsing64)
    change_a = change(network, a, b, on_lips_b, warped_a.makeup, batch.get("worn_a"))
    change_b = change(network, b, a, on_lips_a, warped_b.makeup, batch.get("worn_b"))
    outputs = (batch["a"] + change_a).float(), (batch["b"] + change_b).float()
    return Transfer(*outputs, a, b, makeup_a, makeup_b, lips_a, lips_b, warped_a, warped_b)
