"""SSAT live: the parts of SSAT (AAAI 2022, arXiv 2112.03631) sized for a CPU.

Pictures are R'G'B' in [-1, 1] at 256x256, parsing is 10 one-hot classes at 256x256, UV maps are n x 2 x 64 x 64 in [0, 1]
with -1 outside the face mesh. BatchNorm instead of the paper's InstanceNorm, because it folds into int8 weights.
"""
import math
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

SLOPE = 0.1
CLASSES = 10  # background, skin, nose, eyes, brows, ears and neck, hair, upper lip, lower lip, mouth or anything in front
UV_FEATURES = 13
# Parts that an ablation trains without (`train_ssat --without`): the parsing and the UV features in the keys; what teaches the
# correspondence; the UV features everywhere; the pairs with a known answer. The second and the last are left out by the training.
ABLATIONS = ("correspondence", "semantic_loss", "uv_features", "painted_pairs")


def convolution(inputs, outputs, kernel=3, stride=1):
    """Convolution, BatchNorm, leaky ReLU: one int8 convolution after export."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(SLOPE, True),
    )


class ResidualBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        return F.leaky_relu(x + self.second(self.first(x)), SLOPE)


class Encoder(nn.Module):
    """Content, makeup and semantic encoder (paper, section 3.2): maps at 128x128 (width) and 64x64 (2 width)."""

    def __init__(self, inputs, width, residual_blocks):
        super().__init__()
        self.stem = convolution(inputs * 4, width)
        self.down = convolution(width, 2 * width, stride=2)
        self.residual = nn.Sequential(*[ResidualBlock(2 * width) for _ in range(residual_blocks)])

    def forward(self, x):
        fine = self.stem(F.pixel_unshuffle(x, 2))
        return fine, self.residual(self.down(fine))


class MakeupEncoder(nn.Module):
    """Em (paper, section 3.2). Runs once a reference, so its size costs a video nothing. Beside the picture it sees what part of the
    face every cell is and the person's skin colour, and it looks at the whole face down to 8x8: whether a cheek is red by rouge or a
    lid dark by shadow is told by the other cheek, the forehead and the neck, not by its own colour.
    """

    def __init__(self, width, semantic_width):
        super().__init__()
        self.stem = convolution(12, width)
        self.down = convolution(width + semantic_width, 2 * width, stride=2)
        self.mix = convolution(2 * width + 2 * width + 2 * semantic_width + UV_FEATURES + 3, 2 * width, kernel=1)
        self.deep = convolution(2 * width, 96, stride=2)
        self.deep_residual = ResidualBlock(96)
        self.deeper = convolution(96, 128, stride=2)
        self.deeper_residual = ResidualBlock(128)
        self.deepest = convolution(128, 128, stride=2)
        self.deepest_residual = nn.Sequential(*[ResidualBlock(128) for _ in range(2)])
        self.merge_deepest = convolution(128 + 128, 128, kernel=1)
        self.merged_deepest = ResidualBlock(128)
        self.merge_deeper = convolution(96 + 128, 96, kernel=1)
        self.merged_deeper = ResidualBlock(96)
        self.merge = convolution(2 * width + 96, 2 * width, kernel=1)
        self.residual = nn.Sequential(*[ResidualBlock(2 * width) for _ in range(3)])

    def forward(self, picture, content, semantic_fine, semantic, skin):
        """skin: n x 3 x 1 x 1, mean skin colour in [-1, 1]."""
        fine = self.stem(F.pixel_unshuffle(picture, 2))
        x = self.down(torch.cat([fine, semantic_fine], 1))
        x = self.mix(torch.cat([x, content, semantic, skin.to(x.dtype).expand(-1, -1, *x.shape[-2:])], 1))
        x = self.residual[0](x)
        deep = self.deep_residual(self.deep(x))
        deeper = self.deeper_residual(self.deeper(deep))
        deepest = self.deepest_residual(self.deepest(deeper))
        deeper = self.merged_deepest(self.merge_deepest(torch.cat([deeper, upsampled(deepest)], 1)))
        deep = self.merged_deeper(self.merge_deeper(torch.cat([deep, upsampled(deeper)], 1)))
        return self.residual[1:](self.merge(torch.cat([x, upsampled(deep)], 1)))


def upsampled(x):
    return F.interpolate(x, scale_factor=2, mode="nearest")


class FeatureFusion(nn.Module):
    """FFM (paper, section 3.2): content and semantic maps of all depths become one key per 64x64 position."""

    def __init__(self, width, semantic_width, key_channels):
        super().__init__()
        both = 2 * width + 2 * semantic_width + UV_FEATURES
        self.deep = convolution(both, 96, stride=2)
        self.deep_residual = ResidualBlock(96)
        self.shallow = convolution(width, 32, stride=2)
        self.mix = convolution(32 + 96 + both, 96, kernel=1)
        self.key = nn.Conv2d(96 + UV_FEATURES, key_channels, 1)

    def forward(self, content_fine, content, semantic):
        deep = self.deep_residual(self.deep(torch.cat([content, semantic], 1)))
        deep = F.interpolate(deep, scale_factor=2, mode="nearest")
        mixed = self.mix(torch.cat([self.shallow(content_fine), content, deep, semantic], 1))
        # Not centred by the mean of the picture's keys, as in the paper: the mean hardly differs from picture to picture, and the bias
        # holds it (`centre_keys`). The keys of a face then do not depend on what is beside it (decision 0020).
        return F.normalize(self.key(torch.cat([mixed, semantic[:, -UV_FEATURES:]], 1)), dim=1)

    @torch.no_grad()
    def centre_keys(self, content_fine, content, semantic):
        """Takes the mean of the keys of these pictures off the bias. For a network that has not learned yet, or whose keys were centred otherwise."""
        raw = []
        hook = self.key.register_forward_hook(lambda _, __, key: raw.append(key))
        self(content_fine, content, semantic)
        hook.remove()
        self.key.bias -= raw[0].float().mean((0, 2, 3))


class Modulation(nn.Module):
    """SPADE (CVPR 2019, section 3): normalized features scaled and shifted by maps made from the warped makeup."""

    def __init__(self, channels, makeup_channels, hidden=48):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.shared = nn.Sequential(nn.Conv2d(makeup_channels, hidden, 3, 1, 1), nn.ReLU(True))
        self.gamma_beta = nn.Conv2d(hidden, 2 * channels, 3, 1, 1)

    def forward(self, x, makeup):
        maps = self.gamma_beta(self.shared(makeup))
        if x.shape[-1] != maps.shape[-1]:
            maps = F.interpolate(maps, size=x.shape[-2:], mode="bilinear", align_corners=False)
        gamma, beta = maps.chunk(2, 1)
        return self.norm(x) * (1 + gamma) + beta


class ModulatedBlock(nn.Module):
    def __init__(self, inputs, outputs, makeup_channels):
        super().__init__()
        self.modulation1 = Modulation(inputs, makeup_channels)
        self.convolution1 = nn.Conv2d(inputs, outputs, 3, 1, 1)
        self.modulation2 = Modulation(outputs, makeup_channels)
        self.convolution2 = nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x, makeup):
        y = self.convolution1(F.leaky_relu(self.modulation1(x, makeup), SLOPE))
        y = self.convolution2(F.leaky_relu(self.modulation2(y, makeup), SLOPE))
        return y + self.shortcut(x)


def uv_features(uv):
    """n x 2 x h x w UV coordinates (-1 = not on the face) -> n x 13 x h x w: a flag, then sine and cosine of pi, 2 pi, 4 pi."""
    valid = (uv[:, :1] >= 0).to(uv.dtype)
    features = [valid]
    for frequency in (1, 2, 4):
        for wave in (torch.sin, torch.cos):
            features.append(wave(uv * (math.pi * frequency)) * valid)
    return torch.cat(features, 1)


# R'G'B' differences to luma and two chroma differences (BT.601), so that a gate can open for colour and stay shut for shading.
LUMA_CHROMA = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
RGB = torch.linalg.inv(LUMA_CHROMA)  # and back
SOFTENING_RADIUS = 2
# Channels of the makeup map with a meaning of their own: how much of the skin the paint hides (0 to 1), and its flat colour times
# that (R'G'B', 0 to 1). Four more channels say the same of the lips; they are not warped but averaged (`lip_paint`).
OPACITY = slice(57, 58)
PAINT = slice(58, 61)
LIP_PAINT = slice(61, 65)
COLOURS = 18  # channels beside the features that the decoder reads: six colours
GATES = 3  # of the difference of colour, by luma and chroma
# How far the face's own light shows on paint: its grain (on skin, on lips), its shading (on skin). As `painted_makeup.paint`.
SKIN_GRAIN, LIP_GRAIN, SKIN_SHADING = 0.7, 0.9, 0.5
# How much of what its gates let through of the difference of colour comes about where nothing is known to be paint (docs/decisions/0040).
DIFFERENCE_SHARE = 2.0
# So far apart, two skins begin to be told apart on lids, and so far apart, what is translucent is told against the skin alone; units of about one dE,
# of which luma and chroma have so many (docs/decisions/0062).
TONE_TOLD, TONE_APART, LUMA_UNIT, CHROMA_UNIT = 8, 40, 100, 280
# Lips that differ less from the skin are hardly to be told from it by their colour; lips that become so much brighter would glow where they end in skin; so
# far from skin to lips a pixel is all lips (docs/decisions/0063).
LIPS_TOLD, GLOWING, BORDER_OF_LIPS = 20, 25, 0.75
LEAST_HEADROOM = 0.5  # skin that is nearly white leaves little room for what is brighter: no less is assumed
# The residual counts around the eyes: from the fold of the upper lid to where the cheek begins, as v on the mesh, and fades over so many pixels.
EYES_TOP, EYES_BOTTOM, RESIDUAL_FADE, MOST_RESIDUAL = 0.322, 0.465, 8, 0.5


def soften(maps, mask):
    """Two 5x5 box means that only count cells of `mask` (n x 1 x 64 x 64, 0 or 1); 0 outside it.

    Blush and contour are soft colour on a wide area: averaged over it, the grain and the shading of two faces cancel.
    """
    size = 2 * SOFTENING_RADIUS + 1

    def box(x):
        return F.avg_pool2d(F.avg_pool2d(x, size, 1, SOFTENING_RADIUS), size, 1, SOFTENING_RADIUS)

    return box(maps * mask) / box(mask).clamp_min(1e-3) * mask


def laid_on(opacity, paint, light, own):
    """What paint changes, in luma and chroma: skin s under paint of flat colour c and opacity o becomes (1 - o) s + o c l, where l is
    the face's own light. `paint` is o c; `own` is s in luma and chroma. Exact whatever the two faces' colours, and it hides what s wears itself."""
    return change_basis(paint, LUMA_CHROMA) * light - opacity * own


@dataclass
class Light:
    """How a face is lit, from its luma alone: 1 is flat."""

    grain: torch.Tensor  # n x 1 x 256 x 256: luma over its mean around; skin pores, wrinkles, gloss
    shading: torch.Tensor  # n x 1 x 64 x 64: the mean around over that of the whole skin
    around: torch.Tensor  # n x 1 x 64 x 64: that mean, in [0, 1]


def light_of(picture, skin):
    """`picture` in [0, 1] at 256; `skin` n x 3 x 1 x 1, its mean skin colour, likewise."""
    luma = change_basis(picture, LUMA_CHROMA[:1])
    around = F.avg_pool2d(luma, 4)
    for _ in range(4):
        around = softened(around)
    mean = change_basis(skin, LUMA_CHROMA[:1])
    grain = (luma / upsampled4(around).clamp_min(0.02)).clamp(0.5, 1.8)
    return Light(grain, (around / mean.clamp_min(0.05)).clamp(0.5, 1.6), around)


def upsampled4(x):
    return F.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)


def softened(mask):
    """n x 1 x h x w through the kernel 1 2 1 in both directions, as `soften` in Compositing does."""
    mask = F.pad(mask, (1, 1, 1, 1), mode="replicate")
    mask = (mask[..., :-2] + 2 * mask[..., 1:-1] + mask[..., 2:]) / 4
    return (mask[..., :-2, :] + 2 * mask[..., 1:-1, :] + mask[..., 2:, :]) / 4


class Decoder(nn.Module):
    """Predicts a change of the source, not a picture. The head starts at zero; the gates at sigmoid(-1)."""

    def __init__(self, width, semantic_width, makeup_channels):
        super().__init__()
        self.input = nn.Conv2d(2 * width + COLOURS + 2 * semantic_width + UV_FEATURES, 2 * width, 1)
        self.block1 = ModulatedBlock(2 * width, 2 * width, makeup_channels)
        self.gate = nn.Conv2d(2 * width, GATES, 3, 1, 1)
        self.block2 = ModulatedBlock(2 * width, width, makeup_channels)
        self.skip = nn.Conv2d(2 * width + semantic_width, width, 1)
        self.block3 = ModulatedBlock(width, width, makeup_channels)
        self.head = nn.Conv2d(width, 12, 3, 1, 1)
        for layer, bias in ((self.gate, -1.0), (self.head, 0.0)):
            nn.init.zeros_(layer.weight)
            nn.init.constant_(layer.bias, bias)

    def forward(self, content_fine, content, semantic_fine, semantic, makeup, picture, regions):
        """Returns the change, in units of [0, 1]. picture: n x 3 x 256 x 256 in [-1, 1]; regions: `Regions`."""
        paint = carried_paint(makeup) if regions.worn is None else regions.worn
        maps = colours(makeup, paint, picture, regions)
        x = self.block1(self.input(torch.cat([content, maps.to(content.dtype), semantic], 1)), makeup)
        gates = torch.sigmoid(self.gate(x).float())
        x = F.interpolate(self.block2(x, makeup), scale_factor=2, mode="nearest")
        x = self.block3(self.skip(torch.cat([x, content_fine, semantic_fine], 1)), makeup)
        return assemble(gates, maps, paint, picture, regions, self.head(x))


def with_found(makeup, paint):
    """The makeup map with what PaintEstimator found on the face, n x 4 x 64 x 64, in place of what the makeup encoder believes."""
    return torch.cat([makeup[:, :OPACITY.start], paint.to(makeup.dtype), makeup[:, PAINT.stop:]], 1)


def carried_paint(makeup):
    """n x 4 x 128 x 128: opacity and paint as the correspondence carries what the makeup encoder believes. Where nothing else is known: the program
    lays on what PaintEstimator found, by the mesh (docs/decisions/0036)."""
    return F.interpolate(makeup[:, OPACITY.start:PAINT.stop].float(), scale_factor=2, mode="bilinear", align_corners=False)


def colours(makeup, paint, picture, regions):
    """n x 18 x 64 x 64: the other face's colour warped here; its difference to this face's own; the same relative to the two
    skins; that one softened; what the paint would change here, on the skin and on the lips (luma and chroma)."""
    makeup = makeup.float()
    own = F.avg_pool2d(picture.float(), 4)
    warped = makeup[:, -3:] / 2
    difference = (warped - own) * 0.5
    relative = difference - regions.tone * 0.5
    own = change_basis((own + 1) / 2, LUMA_CHROMA)
    worn = F.avg_pool2d(paint, 2)
    skin = laid_on(worn[:, :1], worn[:, 1:], 1 + SKIN_SHADING * (regions.light.shading - 1), own)
    lips = laid_on(regions.lips[:, :1], regions.lips[:, 1:] + regions.lip_shift, 1, own) * F.avg_pool2d(regions.lips_mask, 4)
    return torch.cat([warped, difference, relative, soften(relative, regions.skin), skin, lips], 1)


def in_units(difference):
    """Of luma and chroma: units of about one dE."""
    return difference * difference.new_tensor([LUMA_UNIT, CHROMA_UNIT, CHROMA_UNIT]).view(1, 3, 1, 1)


def untold_share(tone, told, apart):
    """How much of the tone (in [-1, 1] units) does not come along under makeup that hides nothing, n x 1 x 1 x 1: none where skins are `told` apart or
    less, all from `apart` on."""
    return ((in_units(change_basis(tone * 0.5, LUMA_CHROMA)).norm(dim=1, keepdim=True) - told) / (apart - told)).clamp(0, 1)


def least_opacity(colour, skin):
    """How much of the skin, at least, a pigment hides whose mixture with it looks like this, n x 1 x h x w. Both in [-1, 1]."""
    colour, skin = (colour + 1) / 2, (skin + 1) / 2
    darker, brighter = (skin - colour) / skin.clamp_min(0.1), (colour - skin) / (1 - skin).clamp_min(LEAST_HEADROOM)
    return torch.maximum(darker, brighter).amax(1, keepdim=True).clamp(0, 1)


def lips_moved(own, regions):
    """How much of the shift of bare lips a pixel takes, n x 1 x 256 x 256: where lips become brighter, one that is as bright as skin is takes none.
    `own`: the picture's luma and chroma."""
    skin, lips, shift = (change_basis(c, LUMA_CHROMA) for c in ((regions.other_skin - regions.tone + 1) / 2, regions.own_lips, regions.lip_shift))
    axis = in_units(lips - skin)
    length = axis.square().sum(1, keepdim=True)
    way = (in_units(own - skin) * axis).sum(1, keepdim=True) / (BORDER_OF_LIPS * length.clamp_min(1))
    certain = (length.sqrt() / LIPS_TOLD).clamp(0, 1) * (LUMA_UNIT * shift[:, :1] / GLOWING).clamp(0, 1)
    return 1 - certain * (1 - way.clamp(0, 1))


def assemble(gates, maps, paint, picture, regions, head):
    """The change of the picture from gates (0 to 1), colours, paint (n x 4 x 128 x 128) and the head's free residual. The difference of colour is as
    fine as the 64 x 64 cells, less what the two skins differ by where it may be translucent, and what is left of it once the paint is on, less the more is paint; paint takes on the grain of this face at 256 x 256. Lips wear their paint, whole, and nothing else, the residual neither: with gates of
    its own it was held back to half, and the other differences made up for that badly. The residual draws around the eyes only (docs/decisions/0042)."""
    light, painted = regions.light, maps[:, 12:15]
    untold = change_basis(regions.tone * 0.5, LUMA_CHROMA) * untold_share(regions.tone, TONE_TOLD, TONE_APART)
    difference = change_basis(maps[:, 3:6], LUMA_CHROMA) - (1 - least_opacity(maps[:, :3], regions.other_skin)) * untold
    own = change_basis((picture.float() + 1) / 2, LUMA_CHROMA)
    wash = DIFFERENCE_SHARE * (1 - F.avg_pool2d(paint[:, :1], 2)) * gates * (difference - painted)
    wash, shading = upsampled4(torch.cat([wash, 1 + SKIN_SHADING * (light.shading - 1)], 1)).split([3, 1], 1)
    worn = F.interpolate(paint, scale_factor=2, mode="bilinear", align_corners=False)
    skin = wash + laid_on(worn[:, :1], worn[:, 1:], shading * (1 + SKIN_GRAIN * (light.grain - 1)), own)
    # Lips end with their own grain, not with that of the brighter skin beside them, on which they would seem to glow.
    grain = regions.lip_grain + (light.grain - regions.lip_grain) * (2 * regions.lips_mask - 1).clamp_min(0)
    lip_light = 1 + LIP_GRAIN * (grain - 1)
    lips = laid_on(regions.lips[:, :1], regions.lips[:, 1:], lip_light, own) + change_basis(regions.lip_shift, LUMA_CHROMA) * lip_light * lips_moved(own, regions)
    return change_basis(skin + (lips - skin) * regions.lips_mask, RGB) + F.pixel_shuffle(head.float(), 2) * (1 - regions.lips_mask) * regions.eyes


@dataclass
class Regions:
    """What is known of the source and the other face from their parsing and their mean colours. `picture` units of [0, 1] unless said."""

    other_skin: torch.Tensor  # n x 3 x 1 x 1, mean skin colour of the other, in [-1, 1]
    tone: torch.Tensor  # n x 3 x 1 x 1, that minus the source's
    lips: torch.Tensor  # n x 4 x 1 x 1, opacity and paint (`lip_paint`) of the other's lips; 0 where either shows none
    lip_shift: torch.Tensor  # n x 3 x 1 x 1, by what bare lips are moved, R'G'B'; 0 where either shows none
    own_lips: torch.Tensor  # n x 3 x 1 x 1, mean colour of the source's lips, R'G'B'
    lip_grain: torch.Tensor  # n x 1 x 1 x 1, luma of the source's lips over that around them
    skin: torch.Tensor  # n x 1 x 64 x 64, 1 where the source's cell is skin and takes part in the correspondence
    lips_mask: torch.Tensor  # n x 1 x 256 x 256, the source's lips, softened
    light: Light  # of the source
    eyes: torch.Tensor  # n x 1 x 256 x 1, `around_eyes` of the source
    worn: torch.Tensor = None  # n x 4 x 128 x 128, what PaintEstimator found on the other, laid on the source by the mesh


def crossed(uv, v):
    """Mean row, in pixels, in which columns of cells cross a v of the mesh, n; nan where none do. uv: n x 2 x 64 x 64, -1 off the mesh."""
    on_mesh, rows = uv[:, 0] >= 0, torch.arange(63).view(1, -1, 1)
    above, below = uv[:, 1, :-1].float(), uv[:, 1, 1:].float()
    crosses = on_mesh[:, :-1] & on_mesh[:, 1:] & (above < v) & (below >= v)
    row = torch.where(crosses, rows + (v - above) / torch.where(crosses, below - above, 1.0), 0.0)
    return 4 * row.sum((1, 2)) / crosses.sum((1, 2)) + 1


def around_eyes(uv):
    """How much the residual counts in every row, n x 1 x 256 x 1, as `EyeRows` of the program has it."""
    top, bottom = (crossed(uv, v).view(-1, 1, 1, 1) for v in (EYES_TOP, EYES_BOTTOM))
    rows = torch.arange(256).view(1, 1, -1, 1)
    share = torch.minimum(rows - top, bottom - rows) / RESIDUAL_FADE + 1
    return MOST_RESIDUAL * share.clamp(0, 1).nan_to_num(0)


def change_basis(maps, matrix):
    return F.conv2d(maps, matrix[:, :, None, None].to(maps.dtype))


class SSATLive(nn.Module):
    def __init__(self, width=32, semantic_width=16, makeup_channels=64, key_channels=64, without=()):
        """`without`: some of `ABLATIONS`."""
        super().__init__()
        self.without = frozenset(without)
        self.content_encoder = Encoder(3, width, 2)
        self.makeup_encoder = MakeupEncoder(width, semantic_width)
        self.semantic_encoder = Encoder(CLASSES, semantic_width, 0)
        self.feature_fusion = FeatureFusion(width, semantic_width, key_channels)
        self.makeup_projection = nn.Conv2d(2 * width, LIP_PAINT.stop, 1)
        self.log_temperature = nn.Parameter(torch.tensor(4.2))
        self.decoder = Decoder(width, semantic_width, makeup_channels)
        self.frozen = ()

    @property
    def keys_frozen(self):
        return self.feature_fusion in self.frozen

    def freeze_keys(self):
        """Content and semantic encoder and feature fusion stay as they are: a training step then takes two thirds of the time."""
        self.frozen = (self.content_encoder, self.semantic_encoder, self.feature_fusion)
        self.log_temperature.requires_grad_(False)
        self.train(self.training)

    def freeze_encoders(self):
        """Nothing but the decoder learns."""
        self.freeze_keys()
        self.frozen += (self.makeup_encoder, self.makeup_projection)
        self.train(self.training)

    def freeze_all_but_keys(self):
        """Feature fusion and the softmax's temperature alone learn."""
        self.frozen = (self.content_encoder, self.semantic_encoder, self.makeup_encoder, self.makeup_projection, self.decoder)
        self.train(self.training)

    def freeze_all_but_residual(self):
        """What the decoder adds at full size to the colours behind their gates alone learns: the gates, once closed, would not come back."""
        decoder = self.decoder
        self.freeze_encoders()
        self.frozen += (self.feature_fusion, decoder.input, decoder.block1, decoder.gate)
        self.train(self.training)

    def train(self, mode=True):
        super().train(mode)
        for part in self.frozen:
            part.eval().requires_grad_(False)
        return self

    def encode(self, picture, parsing, uv):
        """Features that the decoder reads again, and the normalized key of every 64x64 position."""
        content_fine, content = self.content_encoder(picture)
        semantic_fine, semantic = self.semantic_encoder(parsing)
        features = uv_features(uv).to(semantic.dtype)
        semantic = torch.cat([semantic, features * 0 if "uv_features" in self.without else features], 1)
        key = self.feature_fusion(content_fine, content, self.seen_by_keys(semantic))
        return (content_fine, content, semantic_fine, semantic), key

    def seen_by_keys(self, semantic):
        """Of parsing and mesh; nothing where the correspondence is to come from the picture's content alone."""
        return semantic * 0 if "correspondence" in self.without else semantic

    def makeup(self, picture, features, skin):
        """n x 64: 57 makeup features, opacity and paint of the skin, the picture's own 64x64 average colour (times 2): what is warped.
        n x 4: opacity and paint of the lips, for every cell."""
        _, content, semantic_fine, semantic = features
        colour = F.avg_pool2d(picture, 4) * 2
        made = self.makeup_projection(self.makeup_encoder(picture, content, semantic_fine, semantic, skin))
        return torch.cat([made[:, :PAINT.stop], colour], 1), made[:, LIP_PAINT].float()

    def correspondence(self, key_a, key_b, valid_a, valid_b):
        """SSCFT (paper, section 3.3), between face positions only: b's values at a's positions, and the reverse."""
        temperature = self.log_temperature.exp()
        return Correspondence(key_b, key_a * temperature, valid_b, valid_a), Correspondence(key_a, key_b * temperature, valid_a, valid_b)

    def decode(self, features, makeup, picture, regions):
        return self.decoder(*features, makeup, picture, regions)


def rounded_up(count):
    """Positions beyond the face's are masked. Of few sizes only: matrices of a new size every step made a training grow to 23 GB."""
    return max(-(-count // 128), 1) * 128


def gather(maps, index):
    """n x c x h x w at n x k of its positions: n x k x c."""
    rows = maps.flatten(2).transpose(1, 2)
    return rows.gather(1, index[..., None].expand(-1, -1, rows.shape[-1]))


class Correspondence:
    """Moves maps from the face positions of one picture to those of another by softmax attention between their keys.

    The attention matrix is never stored: 60 MB of fresh memory each for a batch of four, which cost more than all the arithmetic.
    """

    def __init__(self, source_key, target_query, source_valid, target_valid):
        source_count, self.target_count = (rounded_up(int(v.flatten(1).sum(1).max())) for v in (source_valid, target_valid))
        self.source_index = source_valid.flatten(1).float().topk(source_count, 1)[1]
        self.target_index = target_valid.flatten(1).float().topk(self.target_count, 1)[1]
        self.target_valid = target_valid
        self.key, self.query = gather(source_key, self.source_index), gather(target_query, self.target_index)
        inside = source_valid.flatten(1).gather(1, self.source_index)
        self.mask = torch.zeros_like(inside, dtype=self.key.dtype).masked_fill(~inside, -1e4)[:, None, None]

    def warp(self, maps):
        """n x c x 64 x 64 of the source, at the target's positions; 0 elsewhere."""
        n, channels, height, width = maps.shape
        value = gather(maps, self.source_index).to(self.key.dtype)
        moved = self._attend(value) if self.key.requires_grad else self._fixed_weights() @ value
        canvas = torch.zeros(n, height * width, channels, dtype=moved.dtype, device=moved.device)
        canvas = canvas.scatter(1, self.target_index[..., None].expand(-1, -1, channels), moved)
        return canvas.transpose(1, 2).view(n, channels, height, width) * self.target_valid

    def _fixed_weights(self):
        """Keys that do not learn need no gradient: their weights once, as a matrix."""
        with torch.no_grad():
            return (self.query @ self.key.transpose(1, 2) + self.mask[:, 0]).softmax(2)

    def _attend(self, value):
        channels = value.shape[-1]
        size = max(channels, self.key.shape[-1])  # one size for all three lets the fused kernel run
        query, key, value = (F.pad(x, (0, size - x.shape[-1]))[:, None] for x in (self.query, self.key, value))
        mask = self.mask.expand(-1, -1, self.target_count, -1)
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=1.0)[:, 0, :, :channels]


# Names of the lab notebook's checkpoint -> names here; for the warm start only.
NOTEBOOK_NAMES = {
    "ec.": "content_encoder.", "em.": "makeup_encoder.", "es.": "semantic_encoder.", "ffm.deep2.": "feature_fusion.deep_residual.",
    "ffm.p1.": "feature_fusion.shallow.", "ffm.": "feature_fusion.", "logt": "log_temperature", "mproj.": "makeup_projection.",
    "gate.": "decoder.gate.", "din.": "decoder.input.", "fuse.": "decoder.skip.", "d1.": "decoder.block1.", "d2.": "decoder.block2.",
    "d3.": "decoder.block3.", "out.": "decoder.head.",
}
NOTEBOOK_INNER = {
    ".res.": ".residual.", ".a.": ".first.", ".b.": ".second.", ".m1.": ".modulation1.", ".m2.": ".modulation2.", ".c1.": ".convolution1.",
    ".c2.": ".convolution2.", ".sc.": ".shortcut.", ".n.": ".norm.", ".sh.": ".shared.", ".gb.": ".gamma_beta.",
}


def from_notebook(state):
    renamed = {}
    for name, value in state.items():
        prefix = next(p for p in NOTEBOOK_NAMES if name.startswith(p))
        name = NOTEBOOK_NAMES[prefix] + name[len(prefix):]
        for old, new in NOTEBOOK_INNER.items():
            name = name.replace(old, new)
        renamed[name] = value.float() if value.is_floating_point() else value
    return renamed


def widen(state):
    """Weights of an earlier form, made to fit: its gates take their mean, the makeup encoder that saw the picture only gets its new
    inputs and layers as they are at the start, the paint begins at nothing, the gates of paint and lips half open."""
    state = dict(state)
    fresh = SSATLive().state_dict()
    weight = state["decoder.gate.weight"]
    if weight.shape[0] == 6:
        projection, columns = state["decoder.input.weight"], state["decoder.input.weight"].shape[0] + 9
        new = torch.zeros(projection.shape[0], 3, 1, 1)
        state["decoder.input.weight"] = torch.cat([projection[:, :columns], new, projection[:, columns:]], 1)
        bias = state["decoder.gate.bias"]
        groups = [weight[:3].mean(0, keepdim=True), weight[3:].mean(0, keepdim=True)]
        state["decoder.gate.weight"] = weight = torch.cat([g.expand(3, -1, -1, -1) for g in groups] + [torch.zeros(3, *weight.shape[1:])])
        state["decoder.gate.bias"] = torch.cat([bias[:3].mean().expand(3), bias[3:].mean().expand(3), torch.full((3,), -1.0)])
    if state["makeup_encoder.down.0.weight"].shape[1] < fresh["makeup_encoder.down.0.weight"].shape[1]:
        down = fresh["makeup_encoder.down.0.weight"].clone()
        down[:, : state["makeup_encoder.down.0.weight"].shape[1]] = state["makeup_encoder.down.0.weight"]
        state["makeup_encoder.down.0.weight"] = down
        state["makeup_projection.weight"] = state["makeup_projection.weight"].clone()
        state["makeup_projection.bias"] = state["makeup_projection.bias"].clone()
        state["makeup_projection.weight"][58:61] = state["makeup_projection.bias"][58:61] = 0
    if state["decoder.input.weight"].shape[1] < fresh["decoder.input.weight"].shape[1]:
        projection = state["decoder.input.weight"]
        columns = projection.shape[0] + 12
        state["decoder.input.weight"] = torch.cat([projection[:, :columns], torch.zeros(projection.shape[0], 6, 1, 1), projection[:, columns:]], 1)
    for name in ("decoder.gate.weight", "decoder.gate.bias"):  # of more colours
        state[name] = state[name][:GATES]
    projection = state["makeup_projection.weight"]
    if projection.shape[0] < LIP_PAINT.stop:  # opacity and change of colour became opacity and paint, of the skin and of the lips
        count = OPACITY.start
        for name in ("makeup_projection.weight", "makeup_projection.bias"):
            state[name] = torch.cat([state[name][:count], 0 * fresh[name][count:]])
        state["log_temperature"] = state["log_temperature"] + math.log(2)  # carried more sharply, exact paint recovered 0.03 more of the lids
        columns = state["decoder.input.weight"].shape[0] + 12
        state["decoder.input.weight"] = state["decoder.input.weight"].clone()
        state["decoder.input.weight"][:, columns:columns + 6] = 0
    return {k: state.get(k, v) for k, v in fresh.items()}
