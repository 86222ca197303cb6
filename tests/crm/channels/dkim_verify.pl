# Verifies mails by Mail::DKIM with the record in the first file in place of DNS.
# Prints one line a mail: algorithm=result of each signature.
use strict;
use warnings;
use Mail::DKIM::Verifier;
use Net::DNS::RR;

my ($folder, @mails) = @ARGV;

no warnings 'redefine';
*Mail::DKIM::DNS::query = sub {
    my ($name, $type) = @_;
    open(my $file, '<', "$folder/$name") or return ();
    local $/;
    my $record = <$file>;
    my @pieces = unpack('(A200)*', $record);
    return (Net::DNS::RR->new(owner => $name, type => 'TXT', txtdata => \@pieces));
};
*Mail::DKIM::DNS::query_async = sub {
    my ($name, $type, %options) = @_;
    my @found = Mail::DKIM::DNS::query($name, $type);
    return sub { $options{Callbacks}{Success}->(@found) };
};

for my $path (@mails) {
    my $verifier = Mail::DKIM::Verifier->new();
    open(my $file, '<:raw', $path) or die $!;
    local $/;
    $verifier->PRINT(<$file>);
    $verifier->CLOSE();
    print join(' ', map { ($_->algorithm // '?') . '=' . ($_->result // '?') } $verifier->signatures()), "\n";
}
