"""The baseline without correspondence: two pictures in, two changes out, in the manner of BeautyGAN (Li et al., MM 2018, section 3.3).

An encoder for each input, their maps joined, residual blocks, a decoder. It has to find by its own convolutions where in the other
picture the makeup is. It knows no parsing and no mesh; its changes are masked and added as those of SSAT live. BatchNorm and space-to-depth
are SSAT live's too, and so is, unless it makes whole pictures as BeautyGAN does, a change in place of a picture: then the two differ in the
correspondence and what rests on it. Sized to the same work: 11.4 GMAC for both outputs, as both directions of SSAT live.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

from .ssat_live import Encoder, ResidualBlock, convolution


class TwoInput(nn.Module):
    keys_frozen = False

    def __init__(self, width=48, residual_blocks=9, whole_pictures=False):
        super().__init__()
        self.whole_pictures = whole_pictures
        self.source_encoder, self.reference_encoder = Encoder(3, width, 0), Encoder(3, width, 0)
        self.join = convolution(4 * width, 4 * width, stride=2)
        self.residual = nn.Sequential(*[ResidualBlock(4 * width) for _ in range(residual_blocks)])
        self.decoder = convolution(4 * width + 4 * width, 2 * width)
        self.fine_decoder = convolution(2 * width + 2 * width, 2 * width)
        self.head = nn.Conv2d(2 * width, 24, 3, 1, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, source, reference):
        """n x 3 x 256 x 256 in [-1, 1] each: the change that makes the source up, and the one that gives the reference the source's look, in units of [0, 1]."""
        pictures = torch.cat([source, reference], 1)
        (source_fine, source), (reference_fine, reference) = self.source_encoder(source), self.reference_encoder(reference)
        x = self.residual(self.join(torch.cat([source, reference], 1)))
        x = self.decoder(torch.cat([F.interpolate(x, scale_factor=2, mode="nearest"), source, reference], 1))
        x = self.fine_decoder(torch.cat([F.interpolate(x, scale_factor=2, mode="nearest"), source_fine, reference_fine], 1))
        made = F.pixel_shuffle(self.head(x).float(), 2)
        return ((made.tanh() - pictures.float()) / 2 if self.whole_pictures else made).chunk(2, 1)
