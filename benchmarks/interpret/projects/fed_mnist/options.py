import argparse


def args_parser():
    parser = argparse.ArgumentParser()
    # federated arguments
    parser.add_argument('--rounds', type=int, default=100, help="rounds of training")
    parser.add_argument('--num_users', type=int, default=100, help="number of users: K")
    parser.add_argument('--frac', type=float, default=0.1, help="the fraction of clients: C")
    parser.add_argument('--local_ep', type=int, default=5, help="the number of local epochs: E")
    parser.add_argument('--local_bs', type=int, default=10, help="local batch size: B")
    parser.add_argument('--bs', type=int, default=128, help="test batch size")
    parser.add_argument('--lr', type=float, default=0.01, help="client learning rate")
    parser.add_argument('--server_lr', type=float, default=1.0)
    parser.add_argument('--momentum', type=float, default=0.5, help="SGD momentum (default: 0.5)")
    parser.add_argument('--agg', type=str, default='fedavg', choices=['fedavg', 'fedprox', 'scaffold', 'median'], help='aggregation rule')
    parser.add_argument('--mu', type=float, default=0.01, help='proximal term (fedprox)')
    # model arguments
    parser.add_argument('--model', type=str, default='mlp', choices=['mlp', 'cnn'], help='model name')
    parser.add_argument('--num_filters', type=int, default=32, help="number of filters for conv nets")
    parser.add_argument('--norm', type=str, default='batch_norm', help="batch_norm, layer_norm, or None")
    # privacy
    parser.add_argument('--dp', action='store_true', help='differential privacy on client updates')
    parser.add_argument('--noise_mult', type=float, default=1.0, help='sigma')
    parser.add_argument('--clip', type=float, default=1.0, help='L2 bound of an update')
    # other arguments
    parser.add_argument('--dataset', type=str, default='mnist', choices=['mnist', 'femnist', 'cifar'], help="name of dataset")
    parser.add_argument('--iid', action='store_true', help='whether i.i.d or not')
    parser.add_argument('--alpha', type=float, default=0.5, help='Dirichlet concentration for the non-iid split')
    parser.add_argument('--malicious', type=float, default=0.0, help='fraction of clients that flip labels')
    parser.add_argument('--gpu', type=int, default=0, help="GPU ID, -1 for CPU")
    parser.add_argument('--verbose', action='store_true', help='verbose print')
    parser.add_argument('--seed', type=int, default=1, help='random seed (default: 1)')
    return parser.parse_args()
