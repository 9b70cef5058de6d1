"""SSAT live as a graph for export: the same parts and names as networks/ssat_live.py and the Swift `Networks` folder."""


def encoder(g, name, picture, residual_blocks):
    fine = g.convolution(f"{name}.stem", picture)
    x = g.convolution(f"{name}.down", fine, stride=2)
    for index in range(residual_blocks):
        x = g.residual_block(f"{name}.residual.{index}", x)
    return fine, x


def encode(g, picture, parsing, uv):
    """picture, parsing: after pixel_unshuffle(2). Returns the features the decoder reads again and the raw keys."""
    content_fine, content = encoder(g, "content_encoder", picture, 2)
    semantic_fine, semantic = encoder(g, "semantic_encoder", parsing, 0)
    semantic = g.concatenate([semantic, uv])
    both = g.concatenate([content, semantic])
    deep = g.upsample(g.residual_block("feature_fusion.deep_residual", g.convolution("feature_fusion.deep", both, stride=2)))
    shallow = g.convolution("feature_fusion.shallow", content_fine, stride=2)
    mixed = g.convolution("feature_fusion.mix", g.concatenate([shallow, content, deep, semantic]), kernel=1)
    keys = g.convolution("feature_fusion.key", g.concatenate([mixed, uv]), kernel=1, activation="none", float_output=True)
    return (content_fine, content, semantic_fine, semantic), keys


def makeup_features(g, picture, features, skin):
    """`skin`: the mean skin colour in every cell."""
    _, content, semantic_fine, semantic = features
    fine = g.convolution("makeup_encoder.stem", picture)
    x = g.convolution("makeup_encoder.down", g.concatenate([fine, semantic_fine]), stride=2)
    x = g.convolution("makeup_encoder.mix", g.concatenate([x, content, semantic, skin]), kernel=1)
    x = g.residual_block("makeup_encoder.residual.0", x)
    deep = g.residual_block("makeup_encoder.deep_residual", g.convolution("makeup_encoder.deep", x, stride=2))
    deeper = g.residual_block("makeup_encoder.deeper_residual", g.convolution("makeup_encoder.deeper", deep, stride=2))
    deepest = g.convolution("makeup_encoder.deepest", deeper, stride=2)
    for index in (0, 1):
        deepest = g.residual_block(f"makeup_encoder.deepest_residual.{index}", deepest)
    deeper = g.convolution("makeup_encoder.merge_deepest", g.concatenate([deeper, g.upsample(deepest)]), kernel=1)
    deeper = g.residual_block("makeup_encoder.merged_deepest", deeper)
    deep = g.convolution("makeup_encoder.merge_deeper", g.concatenate([deep, g.upsample(deeper)]), kernel=1)
    deep = g.residual_block("makeup_encoder.merged_deeper", deep)
    x = g.convolution("makeup_encoder.merge", g.concatenate([x, g.upsample(deep)]), kernel=1)
    for index in (1, 2):
        x = g.residual_block(f"makeup_encoder.residual.{index}", x)
    return g.convolution("makeup_projection", x, kernel=1, activation="none", float_output=True)


def block(g, name, x, makeup, shortcut):
    def modulated(name, x):
        shared = g.convolution(f"{name}.shared", makeup, activation="relu")
        return g.modulate(name, x, g.convolution(f"{name}.gamma_beta", shared, activation="none"))

    y = g.convolution(f"{name}.convolution1", modulated(f"{name}.modulation1", x), activation="none")
    z = modulated(f"{name}.modulation2", y)
    added = g.convolution(f"{name}.shortcut", x, kernel=1, activation="none") if shortcut else x
    return g.convolution(f"{name}.convolution2", z, activation="none", residual=added)


def decode(g, features, colours, makeup):
    content_fine, content, semantic_fine, semantic = features
    x = g.convolution("decoder.input", g.concatenate([content, colours, semantic]), kernel=1, activation="none")
    x = block(g, "decoder.block1", x, makeup, False)
    gate = g.convolution("decoder.gate", x, activation="none", float_output=True)
    x = g.upsample(block(g, "decoder.block2", x, makeup, True))
    x = g.convolution("decoder.skip", g.concatenate([x, content_fine, semantic_fine]), kernel=1, activation="none")
    head = g.convolution("decoder.head", block(g, "decoder.block3", x, makeup, False), activation="none", float_output=True)
    return gate, head
