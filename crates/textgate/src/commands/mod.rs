//! The commands: one file each.

mod apply;
mod audit;
mod backup;
mod check;
mod demo;
mod guard;
mod inbound;
mod key;
mod keys;
mod man;
mod message;
mod migrate;
mod modem;
mod otp;
mod personal_data;
mod place;
mod plugins;
mod send;
mod serve;
mod settings;
mod simulate;
mod status;
mod store;
mod test;
mod user;

use crate::cli::{Cli, Command};
use crate::config::{Config, process_environment};
use crate::failure::Done;
use crate::output::Output;

/// Does what the command line says.
pub(crate) async fn run(cli: Cli) -> Done {
    let output = &mut Output::standard();
    let config = || Config::load(cli.config.as_deref(), &process_environment);
    match cli.command {
        Command::Serve => serve::run(config()?, output).await,
        Command::Apply(args) => apply::run(&config()?, &args, output).await,
        Command::Send(args) => send::run(&config()?, *args, output).await,
        Command::Otp(args) => otp::run(&config()?, &args.command, output).await,
        Command::Status(args) => status::run(&config()?, &args, output).await,
        Command::Settings(args) => settings::run(&config()?, &args.command, output).await,
        Command::Guard(args) => guard::run(&config()?, &args.command, output).await,
        Command::Inbound(args) => inbound::run(&config()?, &args.command, output).await,
        Command::Test(args) => test::run(&config()?, &args, output).await,
        Command::Key(args) => key::run(&config()?, &args.command, output).await,
        Command::Keys(args) => keys::run(&config()?, &args.command, output).await,
        Command::User(args) => user::run(&config()?, &args.command, output).await,
        Command::Audit(args) => audit::run(&config()?, &args.command, output).await,
        Command::Export(args) => personal_data::export(&config()?, &args, output).await,
        Command::Erase(args) => personal_data::erase(&config()?, &args, output).await,
        Command::Plugins(args) => plugins::run(&config()?, &args.command, output),
        Command::Modem(args) => modem::run(&args.command, output).await,
        Command::Backup(args) => backup::run(&config()?, &args, output).await,
        Command::Store(args) => store::run(config, args.command, output).await,
        Command::Migrate => migrate::run(&config()?, output).await,
        Command::Check => check::run(&config()?, output).await,
        Command::Demo(args) => demo::run(&args, output).await,
        Command::Man => man::run(output),
        Command::Simulate(args) => simulate::run(args.command, output).await,
    }
}
