from torch.utils.data import DataLoader


def data_provider(args, flag):
    from data_loader import Dataset_Custom, Dataset_ETT_hour, Dataset_ETT_minute
    Data = {'ETTh1': Dataset_ETT_hour, 'ETTh2': Dataset_ETT_hour, 'ETTm1': Dataset_ETT_minute, 'ETTm2': Dataset_ETT_minute}.get(args.data, Dataset_Custom)
    ds = Data(root_path=args.root_path, data_path=args.data + '.csv', flag=flag, size=[args.seq_len, args.label_len, args.pred_len],
              features=args.features, target=args.target, freq=args.freq)
    return DataLoader(ds, batch_size=args.batch_size, shuffle=flag == 'train', num_workers=args.num_workers, drop_last=True)
