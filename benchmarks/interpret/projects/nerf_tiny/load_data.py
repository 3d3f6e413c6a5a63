def load(args):
    if args.dataset_type == 'llff':
        from load_llff import load_llff_data
        images, poses, hwf, i_split = load_llff_data(args.datadir, args.factor, recenter=True)
        near, far = (0.1, 10.) if args.no_ndc else (0., 1.)
    elif args.dataset_type == 'blender':
        from load_blender import load_blender_data
        images, poses, hwf, i_split = load_blender_data(args.datadir, args.half_res, args.testskip)
        near, far = 2., 6.
        images = images[..., :3] * images[..., -1:] + (1. - images[..., -1:]) if args.white_bkgd else images[..., :3]
    else:
        from load_deepvoxels import load_dv_data
        images, poses, hwf, i_split = load_dv_data(args.datadir, args.testskip)
        near, far = 1., 5.
    return images, poses, hwf, i_split, near, far
